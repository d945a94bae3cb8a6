#!/bin/sh
# A real Postfix on loopback for the delivery tests, as root, without touching the system's own.
#
#   postfix-lab.sh DIR start PLAIN SUBMISSION IMPLICIT LOGIN   ports
#   postfix-lab.sh DIR ungrey      lets grey@example.net through from now on
#   postfix-lab.sh DIR stop
#
# DIR must be reachable by user postfix: no directory above it may be closed to others.
# Mail for any name @example.net lands in DIR/mail/inbox/new; reject@ gets 550, grey@ 450.
# User hostwatch@mail.example.net, password s3cret. DIR/conf/ca.pem vouches for the server's
# certificate (localhost, mail.example.net, 127.0.0.1); DIR/conf/other-ca.pem does not.
set -eu

dir=$1
verb=$2
conf=$dir/conf

access() {
    printf 'reject@example.net 550 5.1.1 no such user\n' > "$conf/access"
    if [ "$1" = grey ]; then
        printf 'grey@example.net 450 4.2.0 greylisted, come again\n' >> "$conf/access"
    fi
}

case $verb in
stop)
    postfix -c "$conf" stop 2>/dev/null
    exit 0
    ;;
ungrey)
    access open
    postfix -c "$conf" reload 2>/dev/null
    exit 0
    ;;
start) ;;
*)
    echo "usage: $0 DIR start PORT PORT PORT PORT | ungrey | stop" >&2
    exit 64
    ;;
esac

plain=$3
submission=$4
implicit=$5
login=$6
mkdir -p "$conf/sasl" "$dir/queue" "$dir/data" "$dir/mail"

# Two authorities, one server certificate signed by the first.
authority() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 \
        -subj "/CN=$1" -keyout "$conf/$2.key" -out "$conf/$2.pem" 2>/dev/null
}
authority 'lab authority' ca
authority 'another authority' other-ca
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=mail.example.net \
    -keyout "$conf/server.key" -out "$conf/server.csr" 2>/dev/null
cat > "$conf/server.ext" <<EXT
subjectAltName = DNS:mail.example.net, DNS:localhost, IP:127.0.0.1
basicConstraints = critical, CA:FALSE
extendedKeyUsage = serverAuth
EXT
openssl x509 -req -days 2 -in "$conf/server.csr" -CA "$conf/ca.pem" -CAkey "$conf/ca.key" \
    -CAcreateserial -extfile "$conf/server.ext" -out "$conf/server.pem" 2>/dev/null

access grey
cat > "$conf/main.cf" <<MAIN
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
myhostname = mail.example.net
mydestination =
mynetworks = 127.0.0.2/32
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
local_transport = error:no local mail here
default_transport = error:loopback only
relay_transport = error:loopback only
virtual_mailbox_domains = example.net
virtual_mailbox_base = $dir/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:$(id -u postfix)
virtual_gid_maps = static:$(id -g postfix)
virtual_minimum_uid = 1
maillog_file = $dir/mail.log
maillog_file_prefixes = $dir
smtpd_peername_lookup = no
smtpd_helo_required = yes
smtpd_tls_cert_file = $conf/server.pem
smtpd_tls_key_file = $conf/server.key
smtpd_tls_security_level = may
smtpd_tls_auth_only = yes
smtpd_sasl_path = smtpd
smtpd_sasl_security_options = noanonymous
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_recipient_restrictions = check_recipient_access texthash:$conf/access
MAIN

user='  -o smtpd_sasl_auth_enable=yes
  -o { smtpd_client_restrictions = permit_sasl_authenticated, reject }'
cat > "$conf/master.cf" <<MASTER
127.0.0.1:$plain inet n - n - - smtpd
127.0.0.1:$submission inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_mechanism_filter=plain
$user
127.0.0.1:$implicit inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
$user
127.0.0.1:$login inet n - n - - smtpd
  -o smtpd_tls_security_level=encrypt
  -o smtpd_sasl_mechanism_filter=login
$user
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
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
MASTER

# Postfix on Debian looks for this below its configuration alone.
cat > "$conf/sasl/smtpd.conf" <<SASL
pwcheck_method: auxprop
auxprop_plugin: sasldb
mech_list: PLAIN LOGIN
sasldb_path: $conf/sasl/db
SASL
printf 's3cret' | saslpasswd2 -p -c -f "$conf/sasl/db" -u mail.example.net hostwatch
chown -R postfix "$dir/data" "$dir/mail" "$conf/sasl"
chmod 640 "$conf/sasl/db"

# sendmail of this Postfix, as a program of its own.
cat > "$dir/sendmail" <<SENDMAIL
#!/bin/sh
exec /usr/sbin/sendmail -C '$conf' "\$@"
SENDMAIL
chmod 755 "$dir/sendmail"

postfix -c "$conf" start 2>"$dir/start.log" || { cat "$dir/start.log" >&2; exit 1; }
