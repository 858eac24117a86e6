@test "one" { true; }
setup_file() { false; }
