package sums

import "testing"

func TestSum(t *testing.T) {
	if 1+1 != 2 {
		t.Fatal("a new arithmetic")
	}
}
