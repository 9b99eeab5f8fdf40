'use strict';
// Random numbers that a seed repeats. The seed is printed by whoever uses it, and is taken from
// EXECPORT_SEED if that is set.

function chooseSeed() {
  const given = Number(process.env.EXECPORT_SEED);
  return (Number.isInteger(given) && given > 0 ? given : Date.now() ^ (process.pid << 8)) >>> 0;
}

// Numbers from 0 to 1 (mulberry32), the same for the same seed.
function randomOf(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

class Random {
  constructor(seed) {
    this.next = randomOf(seed);
  }

  // A whole number from 0 to below - 1.
  below(below) {
    return Math.floor(this.next() * below);
  }

  // From 1 to most; each power of two is as likely as the next.
  logUniform(most) {
    return Math.floor(2 ** (this.next() * Math.log2(most)));
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }
}

module.exports = { chooseSeed, randomOf, Random };
