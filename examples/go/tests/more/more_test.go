package more

import "testing"

func TestMore(t *testing.T) {
	if 2+2 != 4 {
		t.Fatal("a new arithmetic")
	}
}
