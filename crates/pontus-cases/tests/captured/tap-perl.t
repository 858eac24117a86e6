# Test::More with each outcome it knows.
use strict;
use warnings;
use Test::More;

ok(1, 'passes');
ok(1, 'a # in the name');
ok(1);
ok(0, 'fails');
SKIP: {
    skip 'not on this machine', 2;
    ok(1, 'never');
    ok(1, 'never either');
}
TODO: {
    local $TODO = 'to be written';
    ok(0, 'failing todo');
    ok(1, 'passing todo');
    subtest 'todo as a whole' => sub {
        ok(0, 'inside a todo');
        done_testing;
    };
}
subtest 'outer' => sub {
    plan tests => 3;
    ok(1, 'first');
    subtest 'inner' => sub {
        ok(1, 'deep');
        ok(0, 'deep failure');
        done_testing;
    };
    ok(1, 'last');
};
subtest 'skipped as a whole' => sub {
    plan skip_all => 'no reason';
};
note "    ok 99 - a note";
diag 'a diagnosis';
done_testing;
