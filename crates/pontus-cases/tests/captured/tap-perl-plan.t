# A plan of five of which four run.
use Test::More tests => 5;
ok($_, "number $_") for 1 .. 4;
