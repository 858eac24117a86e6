// Nothing that fails.
import { describe, it } from "node:test";

describe("suite", () => {
  it("one", () => {});
  it("two", () => {});
});
it("three", () => {});
