# Skips itself as a whole.
use Test::More skip_all => 'not on this machine';
