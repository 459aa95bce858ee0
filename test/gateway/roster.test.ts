/** Lists in which each member knows its place. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Roster } from '../../src/gateway/roster.ts'

test('holds just those that came and have not left, in any order of coming and leaving', () => {
  const steps = fc.array(fc.nat(20), { maxLength: 200 })
  fc.assert(
    fc.property(steps, (steps) => {
      const roster = new Roster<{ place: number; readonly name: number }>()
      const members = Array.from({ length: 21 }, (_, name) => ({ place: 0, name }))
      const present = new Set<number>()
      for (const name of steps) {
        const member = members[name]!
        if (present.delete(name)) {
          roster.remove(member)
        } else {
          present.add(name)
          roster.add(member)
        }
        expect(new Set(roster.all().map((one) => one.name))).toEqual(present)
        expect([roster.size, roster.first === undefined]).toEqual([present.size, present.size === 0])
      }
    }),
  )
})

test('a list that was taken stays as it is', () => {
  const roster = new Roster<{ place: number }>()
  const [one, other] = [{ place: 0 }, { place: 0 }]
  roster.add(one)
  roster.add(other)
  const taken = roster.all()
  roster.remove(one)
  expect(taken).toEqual([one, other])
  expect(roster.all()).toEqual([other])
})
