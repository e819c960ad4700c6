#!/bin/sh
# prune.sh DIR: drop from a built VS Code tree what a page served on this machine's processor never loads.
set -eu
case "$(uname -m)" in
x86_64) here=linux-x64 ;;
aarch64) here=linux-arm64 ;;
*) echo "no VS Code for $(uname -m)" >&2 && exit 1 ;;
esac
cd "$1"

# Assistants and sign-in for services that no sandbox reaches.
rm -rf extensions/copilot extensions/microsoft-authentication extensions/mermaid-markdown-features \
    extensions/tunnel-forwarding node_modules/@github node_modules/@microsoft/mxc-sdk

# Binaries of other platforms.
find node_modules/@vscode/ripgrep-universal/bin node_modules/node-pty/prebuilds \
    -mindepth 1 -maxdepth 1 ! -name "$here" -exec rm -rf {} + 2>/dev/null || true
rm -rf node_modules/@parcel/watcher-*-musl

# Sources and by-products of native modules.
rm -rf node_modules/node-pty/deps node_modules/node-pty/third_party \
    node_modules/@vscode/sqlite3/deps node_modules/@vscode/spdlog/deps
find . -path '*/build/*' -type d \( -name obj -o -name obj.target -o -name .deps \) -prune -exec rm -rf {} +
find . -type f \( -name '*.map' -o -name '*.d.ts' -o -name '*.a' -o -name '*.o' -o -name '*.cc' \
    -o -name '*.gypi' -o -name '*.pdb' \) -delete
# What this machine's strip does not know belongs to another platform.
find . -name '*.node' -exec sh -c 'strip --strip-unneeded "$1" 2>/dev/null || rm "$1"' - {} \;
