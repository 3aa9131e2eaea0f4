#!/bin/sh
# What a device asks over Telnet, and how it lets one account in.
printf 'login: '
read -r account
stty -echo
printf 'Password: '
read -r password
stty echo
echo
if [ "$account" = engineer ] && [ "$password" = Lab-telnet-60 ]; then
    printf 'Welcome\r\n'
    exec sh -i
fi
echo 'Login incorrect'
sleep 1
exit 1
