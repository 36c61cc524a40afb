// What has to be undone when a test ends.

/** @type {WeakMap<object, (() => unknown)[]>} */
const undone = new WeakMap();

/**
 * Runs at the end of the test, the last first. One that throws fails the test and doesn't stop the others: a worker
 * that stays held, or a port that stays taken, would fail every test after it.
 */
export function atEnd(test, undo) {
  const steps = undone.get(test);
  if (steps) return steps.push(undo);
  undone.set(test, [undo]);
  test.after(async () => {
    const faults = [];
    for (const step of undone.get(test).reverse()) {
      try {
        await step();
      } catch (fault) {
        faults.push(fault);
      }
    }
    if (faults.length) throw faults[0];
  });
}
