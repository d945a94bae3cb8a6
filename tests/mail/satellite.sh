#!/bin/sh
# The setup of a small site, as root: a host behind NAT whose Postfix hands everything to a relay, over
# TLS and with a login, and a relay that is strict about names. The relay is postfix-lab.sh's.
#
#   satellite.sh DIR RELAY strict             makes the relay of a running lab in RELAY strict
#   satellite.sh DIR RELAY start SUBMISSION   starts the host's Postfix, its configuration in DIR/conf
#   satellite.sh DIR RELAY stop
#
# The host calls itself db03.lan. The relay lets in who logs in, says EHLO gw.example.net, and sends
# from example.net. DIR/sendmail is the host's; DIR/within COMMAND... runs a command where DIR/conf is
# /etc/postfix and its aliases are /etc/aliases.
set -eu

dir=$1
relay=$2
verb=$3
conf=$dir/conf

case $verb in
strict)
    printf 'gw.example.net OK\n' >"$relay/conf/helo"
    printf 'example.net OK\n' >"$relay/conf/senders"
    # What a relay finds out by DNS, it knows here from two tables.
    postconf -c "$relay/conf" -e \
        "smtpd_helo_restrictions = reject_non_fqdn_helo_hostname, check_helo_access texthash:$relay/conf/helo, check_helo_access static:{550 5.7.1 Host not found}" \
        "smtpd_sender_restrictions = check_sender_access texthash:$relay/conf/senders, check_sender_access static:{550 5.1.8 Domain not found}" \
        "smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination"
    postfix -c "$relay/conf" reload 2>/dev/null
    exit 0
    ;;
stop)
    postfix -c "$conf" stop 2>/dev/null
    exit 0
    ;;
start) submission=$4 ;;
*)
    echo "usage: $0 DIR RELAY strict | start PORT | stop" >&2
    exit 64
    ;;
esac

mkdir -p "$conf" "$dir/queue" "$dir/data"
chmod 755 "$dir"
printf 'root: ops@example.net\n' >"$conf/aliases"
printf '[localhost]:%s hostwatch@mail.example.net:s3cret\n' "$submission" >"$conf/login"
chmod 600 "$conf/login"
# The host's own name means nothing outside.
printf '@db03.lan hostwatch@example.net\n' >"$conf/generic"
cat >"$conf/main.cf" <<MAIN
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = db03.lan
myorigin = db03.lan
mydestination = db03.lan, localhost
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps = hash:$conf/aliases
alias_database = hash:$conf/aliases
relayhost = [localhost]:$submission
smtp_helo_name = gw.example.net
smtp_generic_maps = texthash:$conf/generic
smtp_host_lookup = native
smtp_tls_security_level = secure
smtp_tls_secure_cert_match = nexthop
smtp_tls_CAfile = $relay/conf/ca.pem
smtp_sasl_auth_enable = yes
smtp_sasl_password_maps = texthash:$conf/login
smtp_sasl_security_options = noanonymous
maillog_file = $dir/mail.log
maillog_file_prefixes = $dir
MAIN
cat >"$conf/master.cf" <<MASTER
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
local unix - n n - - local
smtp unix - - n - - smtp
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
MASTER
chown -R postfix "$dir/data"
postalias -c "$conf" "hash:$conf/aliases"
cat >"$dir/sendmail" <<SENDMAIL
#!/bin/sh
exec /usr/sbin/sendmail -C '$conf' "\$@"
SENDMAIL
cat >"$dir/within" <<WITHIN
#!/bin/sh
exec unshare --mount sh -c 'mount --bind $conf /etc/postfix && mount --bind $conf/aliases /etc/aliases && exec "\$@"' within "\$@"
WITHIN
chmod 755 "$dir/sendmail" "$dir/within"
postfix -c "$conf" start 2>"$dir/start.log" || { cat "$dir/start.log" >&2; exit 1; }
