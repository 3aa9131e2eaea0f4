#!/bin/sh
# Sets what a DHCP client was given, for udhcpc ($1 says why) and dhclient ($reason does).
case "${1:-$reason}" in
bound | renew) address=$ip bits=$mask gateway=$router ;;
BOUND | REBOOT | RENEW | REBIND) address=$new_ip_address bits=24 gateway=${new_routers%% *} ;;
deconfig | PREINIT | EXPIRE | FAIL)
    ip -4 address flush dev eth0
    exit 0
    ;;
*) exit 0 ;;
esac
ip -4 -o address show dev eth0 | grep -q " $address/" && exit 0
ip -4 address flush dev eth0
ip address add "$address/$bits" brd + dev eth0
[ -n "$gateway" ] && ip route replace default via "$gateway"
busybox arping -q -U -c 1 -I eth0 "$address" >&2
exit 0
