// Throws before any test is there.
throw new Error("broken file");
