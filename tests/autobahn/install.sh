#!/usr/bin/env bash
# Puts Autobahn's WebSocket test suite into a folder of its own: install.sh FOLDER
#
# The suite runs on Python 2.7 only, which Debian shipped until bullseye. So the interpreter comes from
# bullseye's packages on the Debian mirror this machine uses already, fetched through a private apt
# configuration (signatures checked) and unpacked below FOLDER: nothing of the system changes.
# Needs Debian, apt, gcc, and Python 3 with pip; takes half a minute, once.
set -euo pipefail

folder=$(realpath -m "${1:?usage: install.sh FOLDER}")
version=$(sha256sum "$0" | cut -c1-16)
if [[ -f $folder/version && $(<"$folder/version") == "$version" ]]; then
    exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
rm -rf "$folder"
mkdir -p "$folder/bin" "$work"/{lists,archives}/partial "$work/packages"

release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mirror=$(apt-get update --print-uris | grep -o "'[^']*/dists/$release/InRelease'" | head -n 1 |
    sed "s|^'||; s|/dists/.*||")
if [[ -z $mirror ]]; then
    echo "no Debian mirror among the apt sources of this machine" >&2
    exit 1
fi
keys=/usr/share/keyrings/debian-archive-keyring.gpg
echo "deb [target=Packages signed-by=$keys] $mirror bullseye main" >"$work/sources.list"
old_apt() {
    apt-get -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$work/lists" -o Dir::Cache::Archives="$work/archives" \
        -o Dir::Cache="$work" -o APT::Sandbox::User=root "$@"
}
old_apt update
cd "$work/packages"
old_apt download python2.7-minimal/bullseye libpython2.7-minimal/bullseye libpython2.7-stdlib/bullseye \
    libpython2.7-dev/bullseye libffi7/bullseye libssl1.1/bullseye
for package in *.deb; do
    dpkg-deb -x "$package" "$folder"
done

# The interpreter in its own surroundings.
cat >"$folder/bin/python" <<'PYTHON'
#!/bin/sh
here=$(cd "$(dirname "$0")/.." && pwd)
unset PYTHONHOME PYTHONPATH
LD_LIBRARY_PATH=$here/usr/lib/$(uname -m)-linux-gnu PYTHONNOUSERSITE=1 exec "$here/usr/bin/python2.7" -W ignore "$@"
PYTHON
chmod 755 "$folder/bin/python"

# The last pip that knows Python 2 runs out of its wheel. All versions are pinned, and dependencies that
# only other parts of the suite import are left out.
python3 -m pip download -q --disable-pip-version-check --no-deps -d "$work" pip==20.3.4
target=$folder/usr/lib/python2.7/dist-packages
old_pip() {
    CPATH="$folder/usr/include:$folder/usr/include/python2.7" PIP_NO_PYTHON_VERSION_WARNING=1 \
        "$folder/bin/python" "$work/pip-20.3.4-py2.py3-none-any.whl/pip" install -qq --no-deps --no-cache-dir \
        --target "$target" "$@"
}
old_pip setuptools==44.1.1 wheel==0.37.1
old_pip autobahn==0.10.9 autobahntestsuite==0.8.2 Twisted==20.3.0 txaio==2.1.0 ujson==2.0.3 wsaccel==0.6.2 \
    attrs==21.4.0 cffi==1.15.1 constantly==15.1.0 cryptography==3.3.2 enum34==1.1.10 hyperlink==21.0.0 \
    idna==2.10 incremental==22.10.0 ipaddress==1.0.23 Jinja2==2.11.3 linecache2==1.0.0 MarkupSafe==1.1.1 \
    pyasn1==0.5.1 pyasn1-modules==0.3.0 pyOpenSSL==21.0.0 service-identity==21.1.0 six==1.17.0 \
    traceback2==1.4.0 typing==3.10.0.0 unittest2==1.1.0 zope.interface==5.4.0

"$folder/bin/python" -m autobahntestsuite.wstest -a
echo "$version" >"$folder/version"
