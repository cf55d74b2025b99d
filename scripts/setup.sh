# shellcheck shell=bash
# Sourced by its neighbours: sets up Debian packages, Python and the checkout's virtual environment, once.
# Everything it says goes to standard error; a fault is one line.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
venv=$root/.venv
PATH=$PATH:/usr/sbin:/sbin # Debian keeps daemons there, and plain users do not look there

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: $*"
  exit 1
}

# Set `as_root` to the command that gives root's rights (none is needed when we are root), or return 1.
gain_root() {
  as_root=()
  [ "$(id -u)" -eq 0 ] && return
  command -v sudo >/dev/null || return 1
  [ -t 0 ] || sudo -n true 2>/dev/null || return 1 # without a terminal sudo cannot ask for the password
  as_root=(sudo)
}

# install_packages PACKAGE...: install Debian packages, or say in one line which are missing.
install_packages() {
  command -v apt-get >/dev/null || fail "not a Debian system; install these by hand and try again: $*"
  gain_root || fail "Debian packages are missing; run this and try again: sudo apt-get install $*"
  say "Installing Debian packages: $*"
  "${as_root[@]}" apt-get update -qq >&2 || say "apt-get update failed; going on with the package lists that are here."
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -qq -y --no-install-recommends "$@" </dev/null >/dev/null ||
    fail "apt-get could not install these; install them by hand and try again: $*"
}

# The package starts a broker of its own on port 1883; the tests start theirs, and nobody asked for another.
stop_installed_broker() {
  if [ -d /run/systemd/system ]; then
    "${as_root[@]}" systemctl disable --quiet --now mosquitto.service
  else
    "${as_root[@]}" invoke-rc.d --quiet mosquitto stop
  fi >/dev/null 2>&1 || true
}

# Print the newest Python that will do: one that is tested, else whatever `python3` is; 64-bit, with venv and pip.
find_python() {
  local name
  for name in python3.13 python3.12 python3.11 python3; do
    if "$name" -c 'import sys, venv, ensurepip; assert sys.version_info >= (3, 11) and sys.maxsize > 2**32' \
      >/dev/null 2>&1; then
      command -v "$name"
      return
    fi
  done
  return 1
}

# A Python that was upgraded has lost its pip; a checkout that was moved has programs that start the old place's Python.
venv_is_sound() {
  "$venv/bin/python" -c 'import pip' >/dev/null 2>&1 && grep -qsF "$venv/bin/python" "$venv/bin/pip"
}

# need [COMMAND:PACKAGE]...: install the packages whose commands are missing, and what makes virtual environments.
need() {
  local pair missing=()
  for pair; do
    command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
  done
  if ! venv_is_sound && ! find_python >/dev/null; then
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 11) or sys.maxsize < 2**32)' 2>/dev/null ||
      fail "a 64-bit Python 3.11 or newer is needed, and there is none here"
    missing+=(python3-venv)
  fi
  [ ${#missing[@]} -gt 0 ] || return 0
  install_packages "${missing[@]}"
  case " ${missing[*]} " in *" mosquitto "*) stop_installed_broker ;; esac
}

# What the environment was made from: its own Python, where it lies, and the files that say what goes into it.
venv_state() {
  { "$venv/bin/python" --version && printf '%s\n' "$root" && cat "$root/pyproject.toml" "$1"; } 2>/dev/null | sha256sum
}

pip_install() {
  "$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-input "$@" >&2
}

# Make an empty environment in $venv, unless a sound one stands there.
make_venv() {
  local python
  venv_is_sound && return
  python=$(find_python) || fail "no Python here can make a virtual environment, although python3-venv is installed"
  "$python" -m venv --clear "$venv" || fail "$python could not make a virtual environment in $venv"
}

# fill_venv LOCK HOW...: install what the lock names, then Hushbell, from the folder that HOW ends with.
fill_venv() {
  local lock=$1
  shift
  pip_install --require-hashes --requirement "$lock" || fail "pip could not install what ${lock##*/} names, see above"
  pip_install --no-deps --no-build-isolation "$@" || fail "pip could not install Hushbell, see above"
}

# prepare_venv LOCK: make .venv hold what the lock names, and Hushbell itself; at once when it already does.
prepare_venv() (
  lock=$root/$1 stamp=$venv/.made-from-$1
  flock 9
  [ "$(venv_state "$lock")" = "$(cat "$stamp" 2>/dev/null)" ] && return
  say "Setting up $venv (a minute, once) ..."
  make_venv
  fill_venv "$lock" --editable "$root"
  venv_state "$lock" >"$stamp"
) 9<"$root"

# prepare_node FOLDER: make .node/FOLDER hold what the folder's package-lock.json names; at once when it already does.
prepare_node() (
  from=$root/$1 node=$root/.node/$1
  flock 9
  cmp -s "$from/package-lock.json" "$node/.made-from" && return
  say "Setting up $node (half a minute, once) ..."
  mkdir -p "$node"
  cp "$from/package.json" "$from/package-lock.json" "$node"
  npm ci --prefix "$node" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 || return
  cp "$from/package-lock.json" "$node/.made-from"
) 9<"$root"
