import assert from "node:assert";
import { describe, it, test } from "node:test";

describe("sums", () => {
  it("adds", () => assert.equal(1 + 1, 2));
  it("adds more", () => assert.equal(2 + 2, 4));
});
test("a thing that is not here", { skip: true }, () => assert.fail());
