# Customers of the shop: what the demo learns from.
while :; do
  wget -q -O /dev/null "http://$WEB:80/"
  wget -q -O /dev/null "http://$WEB:80/api/items"
  wget -q -O /dev/null "http://$WEB:80/api/buy?item=lamp"
  sleep 0.5
done
