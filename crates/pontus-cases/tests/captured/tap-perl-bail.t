# Gives up in the middle of a subtest.
use Test::More tests => 3;
ok(1, 'first');
subtest 'outer' => sub {
    ok(1, 'inside');
    BAIL_OUT('the database is gone');
};
