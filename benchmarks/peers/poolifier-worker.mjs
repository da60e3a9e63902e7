/** The thread of poolifier. */

import { ThreadWorker } from "poolifier";
import * as tasks from "./pool-tasks.mjs";

export default new ThreadWorker({ ...tasks });
