// Each outcome that node:test knows, in suites and in nested tests.
import test, { describe, it } from "node:test";
import assert from "node:assert";

test("passes", () => {});
test("has a # and a \\ in its name", () => {});
test("fails", () => assert.strictEqual(1, 2));
test("skipped", { skip: true }, () => {});
test("skipped with a reason", (t) => t.skip("no network"));
test("todo", { todo: true }, () => {});
test("failing todo", { todo: "later" }, () => assert.fail("no"));
test("outer", async (t) => {
  await t.test("first", () => {});
  await t.test("second", async (t) => {
    await t.test("deep", () => {});
    await t.test("deep failure", () => assert.fail("deep"));
  });
});
describe("suite", () => {
  it("passes in a suite", () => console.log("printed by a test"));
  describe("inner suite", () => {
    it("is at the bottom", () => console.log("ok 7 - printed like TAP"));
    it("takes 50 ms", () => new Promise((done) => setTimeout(done, 50)));
  });
});
describe("suite with a broken hook", async () => {
  (await import("node:test")).before(() => { throw new Error("hook"); });
  it("is cancelled", () => {});
});
