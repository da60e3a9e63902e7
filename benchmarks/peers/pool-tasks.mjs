/** What the threads of the pools run. Each function takes one value. */

const parts = new Map();

export const addOne = (x) => x + 1;

export const same = (array) => array;

export const ends = (array) => [array.length, array[0], array.at(-1)];

/** A stretch of 0, 1, 2, …; made once in each thread, as what lies there already. */
export const part = ({ from, length }) => {
  const key = `${from} ${length}`;
  let array = parts.get(key);
  if (array === undefined) {
    array = new Float64Array(length);
    for (let i = 0; i < length; i++) array[i] = from + i;
    parts.set(key, array);
  }
  return array;
};

export const forget = () => parts.clear();

export const sumOfWave = (values) => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    sum += Math.sin(value) * Math.sqrt(value) + 1;
  }
  return sum;
};
