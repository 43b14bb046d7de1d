// What is wrong with what the page was given; text.js has the words for each kind.
export class Problem extends Error {
  constructor(kind, values = {}) {
    super(`${kind} ${JSON.stringify(values)}`);
    this.kind = kind;
    this.values = values;
  }
}
