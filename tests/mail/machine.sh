#!/bin/sh
# A small machine with one real mail program, as root: a directory to chroot into.
#
#   machine.sh CACHE unpack                 downloads and unpacks packages.txt, once
#   machine.sh CACHE make DIR MTA PORT      MTA is dma, exim or msmtp; its relay is 127.0.0.1:PORT
#
# In DIR, /usr/sbin/sendmail is the program, configured where it looks by itself; it calls itself
# gw.example.net to its relay; /etc/aliases leads root to ops@example.net; users hostwatch (64000) and
# nobody. Ready for `chroot DIR`: it shares the network, and nothing else.
set -eu

cache=$1
verb=$2
here=$(dirname "$0")

# Names, one a line, without comments.
words() {
    sed 's/#.*//' "$here/packages.txt" | tr -s ' \n' '\n' | grep .
}

unpack() {
    wanted=$(cat "$0" "$here/packages.txt" | cksum)
    if [ "$(cat "$cache/list" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    named=$(words)
    # shellcheck disable=SC2086 # one word a package
    needed=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks \
        --no-replaces --no-enhances $named |
        grep -E '^(lib|zlib)' | grep -Ev 'perl|python|systemd|^libnss-|^libpam' | sort -u)
    [ -n "$needed" ] || { echo "apt knows no package that the mail programs need: apt-get update" >&2; exit 1; }
    rm -rf "$cache/debs" "$cache/tree" "$cache/list"
    mkdir -p "$cache/debs" "$cache/tree"
    cd "$cache/debs"
    # shellcheck disable=SC2086
    fetch() { timeout 120 apt-get -q -o APT::Sandbox::User=root download $named $needed >&2; }
    # An old list names files that are there no more.
    fetch || { apt-get -q update >&2 && fetch; }
    cd - >/dev/null
    for deb in "$cache"/debs/*.deb; do
        dpkg-deb -x "$deb" "$cache/tree"
    done
    rm -rf "$cache/debs" "$cache/tree/usr/share" "$cache/tree/usr/lib/x86_64-linux-gnu/gconv"
    printf '%s\n' "$wanted" >"$cache/list"
}

case $verb in
unpack)
    mkdir -p "$cache"
    # Two tests may want it at once.
    exec 9>"$cache/lock"
    flock 9
    unpack
    exit 0
    ;;
make) ;;
*)
    echo "usage: $0 CACHE unpack | make DIR MTA PORT" >&2
    exit 64
    ;;
esac

dir=$3
mta=$4
port=$5
mkdir -p "$dir"
chmod 755 "$dir"
cp -a "$cache/tree/." "$dir/"
mkdir -p "$dir/dev" "$dir/proc" "$dir/tmp" "$dir/run" "$dir/root" "$dir/etc" "$dir/var/mail" "$dir/var/spool"
chmod 1777 "$dir/tmp"
mknod -m 666 "$dir/dev/null" c 1 3
mknod -m 666 "$dir/dev/urandom" c 1 9
mknod -m 666 "$dir/dev/random" c 1 8
cat >"$dir/etc/passwd" <<PASSWD
root:x:0:0:root:/root:/bin/sh
mail:x:8:8:mail:/var/mail:/bin/false
Debian-exim:x:100:101::/var/spool/exim4:/bin/false
hostwatch:x:64000:64000::/:/bin/false
nobody:x:65534:65534::/:/bin/false
PASSWD
cat >"$dir/etc/group" <<GROUP
root:x:0:
mail:x:8:
Debian-exim:x:101:
hostwatch:x:64000:
nogroup:x:65534:
GROUP
printf '127.0.0.1 localhost\n' >"$dir/etc/hosts"
printf 'hosts: files\npasswd: files\ngroup: files\n' >"$dir/etc/nsswitch.conf"
printf 'root: ops@example.net\n' >"$dir/etc/aliases"
rm -f "$dir/usr/sbin/sendmail"

case $mta in
dma)
    ln -s dma "$dir/usr/sbin/sendmail"
    mkdir -p "$dir/etc/dma"
    printf 'SMARTHOST 127.0.0.1\nPORT %s\nMAILNAME gw.example.net\n' "$port" >"$dir/etc/dma/dma.conf"
    : >"$dir/etc/dma/auth.conf"
    chgrp mail "$dir/etc/dma/dma.conf" "$dir/etc/dma/auth.conf"
    ;;
msmtp)
    ln -s ../bin/msmtp "$dir/usr/sbin/sendmail"
    cat >"$dir/etc/msmtprc" <<MSMTP
account default
host 127.0.0.1
port $port
tls off
auth off
aliases /etc/aliases
domain gw.example.net
timeout 20
MSMTP
    ;;
exim)
    ln -s exim4 "$dir/usr/sbin/sendmail"
    mkdir -p "$dir/etc/exim4" "$dir/var/spool/exim4" "$dir/var/log/exim4"
    chown 100:101 "$dir/var/spool/exim4" "$dir/var/log/exim4"
    cat >"$dir/etc/exim4/exim4.conf" <<EXIM
primary_hostname = gw.example.net
domainlist local_domains = gw.example.net : localhost
exim_user = Debian-exim
exim_group = Debian-exim
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
disable_ipv6
keep_environment =
trusted_users = hostwatch
begin routers
aliases:
  driver = redirect
  domains = +local_domains
  data = \${lookup{\$local_part}lsearch{/etc/aliases}}
smart:
  driver = manualroute
  domains = ! +local_domains
  transport = out
  route_list = * 127.0.0.1 byname
  self = send
  no_more
begin transports
out:
  driver = smtp
  port = $port
  allow_localhost
  hosts_avoid_tls = *
begin retry
* * F,1h,10m
EXIM
    ;;
*)
    echo "no mail program $mta" >&2
    exit 64
    ;;
esac

# The program of this machine, for callers outside of it.
cat >"$dir/sendmail" <<SENDMAIL
#!/bin/sh
exec chroot '$dir' /usr/sbin/sendmail "\$@"
SENDMAIL
# The same as the agent's unit would start it: no privilege, and no way to gain one.
cat >"$dir/sendmail-of-the-unit" <<SENDMAIL
#!/bin/sh
exec setpriv --no-new-privs chroot --userspec=64000:64000 '$dir' /usr/sbin/sendmail "\$@"
SENDMAIL
chmod 755 "$dir/sendmail" "$dir/sendmail-of-the-unit"
