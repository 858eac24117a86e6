echo "this machine has no such thing to test"
exit 77
