#!/bin/sh
# Starts a node with Kafka's shipped server.properties as its users would: format, then start. Runs
# in namespaces of its own, where the ports are free and the log directory is nobody else's.
set -eu
ottla=$1 properties=$2 client=$3 data=$4 log_dirs=$5

ip link set lo up
mkdir -p "$log_dirs"
mount --bind "$data" "$log_dirs"

# The 16 bytes of "ottla-cluster-01", as Kafka writes an id.
"$ottla" format -t b3R0bGEtY2x1c3Rlci0wMQ -c "$properties"
"$ottla" start --config "$properties" &
node=$!
trap 'kill -9 $node 2>/dev/null || true' EXIT

sleep 2 | "$client" load localhost:9092

kill -TERM $node
wait $node
trap - EXIT
