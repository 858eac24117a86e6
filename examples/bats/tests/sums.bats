@test "addition" {
    [ "$((1 + 1))" -eq 2 ]
}

@test "a thing that is not here" {
    skip "not on this machine"
}

@test "division by zero fails" {
    run sh -c 'echo $((1 / 0))'
    [ "$status" -ne 0 ]
}
