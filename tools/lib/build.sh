# Shared by the tools: configure and build one directory under build/.
#   configure_dir NAME [meson options…]          makes build/NAME
#   build_dir NAME [meson options…]              makes build/NAME and builds everything
#   build_suite NAME SUITE [meson options…]      makes build/NAME and builds what the tests of a suite run
configure_dir() {
  local dir="build/$1" log
  shift
  [ -f "$dir/build.ninja" ] && return
  log=$(mktemp)
  if ! meson setup "$dir" "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    rm -rf "$dir" "$log"
    echo "configuring $dir failed; meson's last lines are above" >&2
    return 1
  fi
  rm -f "$log"
}

run_ninja() { # NAME targets…
  local dir="build/$1" log
  shift
  log=$(mktemp)
  if ! ninja -C "$dir" "$@" >"$log" 2>&1; then
    grep -vE '^\[[0-9]+/[0-9]+\]' "$log" | tail -n 60 >&2
    rm -f "$log"
    echo "building $dir failed; the compiler's words are above" >&2
    return 1
  fi
  rm -f "$log"
}

build_dir() {
  configure_dir "$@" && run_ninja "$1"
}

build_suite() {
  local name=$1 suite=$2 targets
  shift 2
  configure_dir "$name" "$@" || return 1
  run_ninja "$name" build.ninja || return 1
  targets=$(/usr/bin/python3 tools/lib/suite_targets.py "build/$name" "$suite") || return 1
  # shellcheck disable=SC2086 # target names have no spaces
  run_ninja "$name" $targets
}
