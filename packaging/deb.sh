#!/usr/bin/env bash
# packaging/deb.sh [PROGRAM] [FOLDER]
#
# Makes a Debian package of a built skein (target/release/skein) in a folder (target/deb) and prints its path. The package
# has the program, its service, a configuration to fill in and the guides; it makes an account `skein`, starts nothing, and on
# removal leaves configuration and data where they are. Needs dpkg-deb; runs without root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
program=${1:-target/release/skein}
folder=${2:-target/deb}
die() { printf 'deb.sh: %s\n' "$*" >&2; exit 2; }
[ -x "$program" ] || die "there is no program $program: build it (cargo build --release), or name it"
command -v dpkg-deb >/dev/null 2>&1 || die "dpkg-deb is missing: install the package dpkg"

version=$("$program" --version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
# What it was linked with is what it needs at least.
libc=$(dpkg-query -W -f='${Version}' libc6 | cut -d- -f1)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
chmod 755 "$root"

install -D -m 755 "$program" "$root/usr/bin/skein"
# Its symbols stay with whoever built it.
if command -v strip >/dev/null 2>&1; then strip --strip-unneeded "$root/usr/bin/skein"; fi
install -D -m 644 packaging/skein.service "$root/lib/systemd/system/skein.service"
install -D -m 640 packaging/skein.toml "$root/etc/skein/skein.toml"
doc=$root/usr/share/doc/skein
for guide in run-it connect-a-source govern-it build-an-app use-it examples safety; do
    find "docs/$guide" -type f ! -name '*.webp' ! -name '*.png' -printf '%P\n' | while read -r file; do
        install -D -m 644 "docs/$guide/$file" "$doc/$guide/$file"
    done
done
install -D -m 644 LICENSE "$doc/copyright"

mkdir -p "$root/DEBIAN"
cat >"$root/DEBIAN/control" <<EOF
Package: skein
Version: $version
Architecture: $architecture
Maintainer: The Skein developers <skein@example.org>
Section: net
Priority: optional
Depends: libc6 (>= $libc), adduser, ca-certificates
Recommends: poppler-utils
Installed-Size: $(du -sk "$root" | cut -f1)
Description: shared health and care record for a whole region
 Hospitals, practices, laboratories, community teams, ambulance services and
 councils send what they know about a person, over HL7 v2 and FHIR; everyone
 involved in that person's care reads one record. One program, one folder.
EOF
echo /etc/skein/skein.toml >"$root/DEBIAN/conffiles"
cat >"$root/DEBIAN/postinst" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if ! getent passwd skein >/dev/null; then
        adduser --system --group --home /var/lib/skein --no-create-home --quiet skein
    fi
    install -d -m 700 -o skein -g skein /var/lib/skein
    chgrp skein /etc/skein/skein.toml
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        # An upgrade goes on with what it was doing; a first installation waits for its configuration.
        if [ -n "$2" ]; then systemctl try-restart skein.service; fi
    fi
fi
EOF
cat >"$root/DEBIAN/prerm" <<'EOF'
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then systemctl disable --now skein.service || true; fi
EOF
chmod 755 "$root/DEBIAN/postinst" "$root/DEBIAN/prerm"

mkdir -p "$folder"
package=$folder/skein_${version}_$architecture.deb
dpkg-deb --root-owner-group -Zgzip --build "$root" "$package" >/dev/null
echo "$package"
