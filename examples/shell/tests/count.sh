# Not executable and without a first line of its own, so sh runs it.
[ "$(echo one two | wc -w)" -eq 2 ]
