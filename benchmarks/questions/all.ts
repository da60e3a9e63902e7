/** All questions, in the order in which they are asked. */

import type { Question } from "../lib/question.ts";
import { bigMap } from "./big-map.ts";
import { direct } from "./direct.ts";
import { echo } from "./echo.ts";
import { manyCalls } from "./many-calls.ts";
import { manyItems } from "./many-items.ts";
import { oneCall } from "./one-call.ts";
import { push } from "./push.ts";
import { residentSum } from "./resident-sum.ts";
import { scatterGather } from "./scatter-gather.ts";
import { startUp } from "./start-up.ts";

export const questions: readonly Question[] = [
  startUp,
  oneCall,
  manyCalls,
  manyItems,
  echo,
  scatterGather,
  push,
  direct,
  residentSum,
  bigMap,
];
