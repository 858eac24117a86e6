// A suite whose tests pass and whose hook does not.
import { describe, it, after } from "node:test";

describe("suite", () => {
  after(() => { throw new Error("hook"); });
  it("one", () => {});
});
