#!/bin/bash
# Starts a nats-server with a token on its WebSocket listener, for `latchkey bench --peer`. It is built from its Go module once,
# below ~/.cache/latchkey-peers, which needs Go; NATS_SERVER names a binary that is there already.
set -euo pipefail
home=~/.cache/latchkey-peers
server=${NATS_SERVER:-$home/nats-server}
[[ -x $server ]] || GOBIN=$home go install github.com/nats-io/nats-server/v2@v2.11.6 >&2
folder=$(mktemp -d)
port=$(node -e "const s=require('net').createServer().listen(0,'127.0.0.1',()=>{console.log(s.address().port);s.close()})")
token=$(head -c 24 /dev/urandom | base64 | tr -dc A-Za-z0-9)
cat > "$folder/nats.conf" <<CONFIG
host: 127.0.0.1
port: -1
authorization { token: "$token" }
websocket { host: "127.0.0.1", port: $port, no_tls: true }
CONFIG
"$server" -c "$folder/nats.conf" >&2 &
pid=$!
trap 'kill $pid' EXIT TERM INT
until (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do sleep 0.1; done
echo "{\"name\":\"nats-server over WebSocket\",\"url\":\"http://127.0.0.1:$port\",\"dialect\":\"nats\",\"tokens\":[\"$token\"],\"pid\":$pid}"
wait $pid
