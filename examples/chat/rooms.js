/** The rooms: who is in each, and what was said last. In memory: a chat that is to last would have a database here. */

/** @typedef {import('latchkey/protocol').User} User */
/** @typedef {{ number: number, by: string, text: string, at: string }} Message */

/** So many messages are kept of each room. */
const KEPT = 500

/** @param {User} user */
export const nameOf = (user) => user.name ?? user.username ?? 'somebody'

const createRoom = () => {
  /** Of everybody who is here, on how many sockets. */
  /** @type {Map<string, { name: string, sockets: number }>} */
  const present = new Map()
  /** @type {Message[]} */
  let messages = []
  let last = 0

  return {
    /** True if the user was not here before. @param {User} user */
    enter: (user) => {
      const { sockets } = present.get(user.id) ?? { sockets: 0 }
      present.set(user.id, { name: nameOf(user), sockets: sockets + 1 })
      return sockets === 0
    },

    /** True if the user is here no more. @param {User} user */
    leave: (user) => {
      const { name, sockets } = present.get(user.id) ?? { name: '', sockets: 1 }
      if (sockets > 1) present.set(user.id, { name, sockets: sockets - 1 })
      else present.delete(user.id)
      return sockets === 1
    },

    /** @param {User} user */
    has: (user) => present.has(user.id),
    names: () => [...present.values()].map(({ name }) => name),
    /** The ids of whoever is here under one of these names. @param {readonly string[]} names */
    named: (names) => [...present].filter(([, { name }]) => names.includes(name)).map(([id]) => id),

    /** @param {User} user @param {string} text */
    say: (user, text) => {
      const message = { number: ++last, by: nameOf(user), text, at: new Date().toISOString() }
      messages = [...messages, message].slice(-KEPT)
      return message
    },

    /** The latest messages before a number, the latest first. @param {number} number @param {number} limit */
    before: (number, limit) =>
      messages
        .filter((message) => message.number < number)
        .slice(-limit)
        .reverse(),
  }
}

/** @param {readonly string[]} names */
export const createRooms = (names) => new Map(names.map((name) => [name, createRoom()]))
