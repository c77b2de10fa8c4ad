#!/bin/sh
# Install what the operator needs into a folder, for a processor that need not be this one; runs while the image is built.
#   sh install.sh FOLDER [amd64|arm64]
set -eu
folder=$1
case ${2:-$(dpkg --print-architecture)} in
  amd64) machine=x86_64 ;;
  arm64) machine=aarch64 ;;
  *) echo "for $2 there is no image: amd64 or arm64" >&2; exit 2 ;;
esac
here=$(dirname "$0")
# Whoever builds may stand behind a proxy with a certificate of its own. Mounted, it does not get into the image.
if [ -s /run/secrets/certificates ]; then export PIP_CERT=/run/secrets/certificates; fi
# Not more than Debian 12 has, the oldest first: the newest glibc that a wheel may ask for is 2.36.
set --
for libc in 2_36 2_34 2_31 2_28 2_27 2_26 2_24 2_17; do set -- "$@" --platform "manylinux_${libc}_${machine}"; done
python3 -m pip install --quiet --no-cache-dir --no-compile --disable-pip-version-check --root-user-action ignore \
  --require-hashes --no-deps --only-binary :all: --implementation cp \
  --python-version "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
  "$@" --platform "manylinux2014_${machine}" --platform "linux_${machine}" \
  --target "$folder" --requirement "$here/requirements.txt"
python3 "$here/prune.py" "$folder"
# By content, so that the same files make the same image whenever they are built.
python3 -m compileall -q -j 0 --invalidation-mode unchecked-hash "$folder"
