# Shared by the tools: configure and build one directory under build/.
#   build_dir NAME [meson options…]   makes build/NAME and builds everything
build_dir() {
  local dir="build/$1"
  shift
  local log
  log=$(mktemp)
  if [ ! -f "$dir/build.ninja" ]; then
    if ! meson setup "$dir" "$@" >"$log" 2>&1; then
      tail -n 40 "$log" >&2
      rm -rf "$dir" "$log"
      echo "configuring $dir failed; meson's last lines are above" >&2
      return 1
    fi
  fi
  if ! ninja -C "$dir" >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 60 >&2
    rm -f "$log"
    echo "building $dir failed; the compiler's words are above" >&2
    return 1
  fi
  rm -f "$log"
}
