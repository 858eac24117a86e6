# A subtest that breaks its own plan: none of its points has failed.
use Test::More;
subtest 'short' => sub { plan tests => 2; };
done_testing;
