const eleven = 11;

module.exports = {
  multiply: (x) => eleven * x,
};
