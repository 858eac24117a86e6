# Each outcome that bats knows.
@test "passes" {
  true
}

@test "a name with # and 'quotes' and \\ backslashes" {
  true
}

@test "fails" {
  echo "printed by a failing test"
  echo "ok 9 - printed"
  false
}

@test "skipped" {
  skip
}

@test "skipped with a reason" {
  skip "no network"
}

@test "prints to the terminal" {
  echo "# a comment" >&3
  true
}
