#!/bin/sh
# Builds the content of the container image: the compiled gateway with its production dependencies. The Dockerfile runs
# it, and so can a build without containers.
#
# Usage: sh deploy/build-image.sh TARGET [WITH_EMULATOR]
#   TARGET         folder to create
#   WITH_EMULATOR  true includes DuckDB, which only the emulator needs; false by default
# It runs in any folder, reads the repository that contains it, and writes dist and node_modules there.
set -eu

target=$1
with_emulator=${2:-false}

case $with_emulator in
  true) omit='--omit=dev' ;;
  false) omit='--omit=dev --omit=optional' ;;
  *)
    echo "WITH_EMULATOR must be true or false" >&2
    exit 2
    ;;
esac
mkdir -p "$target"
target=$(cd "$target" && pwd)
cd "$(dirname "$0")/.."

npm ci --ignore-scripts --no-audit --no-fund
node build.js

cp -R package.json package-lock.json LICENSE dist schema "$target/"
cd "$target"
# shellcheck disable=SC2086 # two options
npm ci $omit --ignore-scripts --no-audit --no-fund
rm package-lock.json
