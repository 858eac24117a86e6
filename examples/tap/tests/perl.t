use Test::More tests => 3;

ok(1 + 1 == 2, 'addition');
TODO: {
    local $TODO = 'numbers are not there yet';
    ok(1 + 1 == 3, 'a new arithmetic');
}
subtest 'inside' => sub {
    plan tests => 2;
    ok(1, 'one');
    ok(1, 'two');
};
