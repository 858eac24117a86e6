# Dies without ever saying its plan.
use Test::More;
ok(1, 'first');
die 'here';
