/** The systems that are compared, ours first: which program holds each, and how it is installed. */

import { fileURLToPath } from "node:url";
import type { Program } from "./peer-process.ts";

export interface System {
  readonly name: string;
  /** What to type when it is missing. */
  readonly install: string;
  /** The questions that concern it; all if it is not said. */
  readonly questions?: readonly string[];
  program(temporary: Temporary): Program;
}

/** Directories that are removed after the run. */
export interface Temporary {
  readonly home: string;
  /** Where large arrays are mapped: in memory, if the machine has such a place. */
  readonly memory: string;
}

export const OURS = "ndparallel";
/** What every row of arrays is measured against: a copy of as many bytes in memory that was used before. */
export const MEMCPY = "memcpy";
const PYTHON = "/usr/bin/python3";
const NPM_INSTALL = "npm install --prefix benchmarks/peers";

export const systems: readonly System[] = [
  { name: OURS, install: "npm run build", program: () => nodeProgram("ndparallel.ts") },
  python("ipyparallel", "ipyparallel_peer.py", "apt-get install python3-ipyparallel python3-numpy"),
  python("dask", "dask_peer.py", "apt-get install python3-distributed python3-numpy"),
  {
    name: "mpi4py",
    install: "apt-get install python3-mpi4py openmpi-bin python3-numpy",
    program: (temporary) => ({ ...mpiProgram(), environment: pythonEnvironment(temporary) }),
  },
  python("joblib", "joblib_peer.py", "apt-get install python3-joblib python3-numpy"),
  python("ProcessPoolExecutor", "processpool_peer.py", "apt-get install python3-numpy"),
  pool("piscina"),
  pool("piscina-shared"),
  pool("tinypool"),
  pool("workerpool"),
  pool("poolifier"),
  { ...python("numpy-alone", "numpy_alone.py", "apt-get install python3-numpy"), questions: ["big-map"] },
  { name: "node-alone", install: "", questions: ["big-map"], program: () => nodeProgram("node-alone.ts") },
  { name: "node-threads", install: "", questions: ["resident-sum"], program: () => nodeProgram("node-threads.ts") },
  { name: "zeromq", install: NPM_INSTALL, questions: ["direct"], program: () => nodeProgram("zeromq-stream.ts") },
  {
    name: MEMCPY,
    install: "",
    questions: ["echo", "scatter-gather", "push", "direct"],
    program: () => nodeProgram("node-alone.ts"),
  },
];

function python(name: string, file: string, install: string): System {
  return {
    name,
    install,
    program: (temporary) => ({
      file: PYTHON,
      parameters: ["-u", pathOf("peers", file)],
      environment: pythonEnvironment(temporary),
    }),
  };
}

function pool(name: string): System {
  return { name, install: NPM_INSTALL, program: () => nodeProgram("node-pool.ts", name) };
}

function nodeProgram(file: string, ...parameters: string[]): Program {
  return {
    file: process.execPath,
    parameters: ["--import", "tsx", pathOf("programs", file), ...parameters],
    environment: {},
  };
}

/** Three ranks: one that asks and two that work. */
function mpiProgram(): Omit<Program, "environment"> {
  const isRoot = process.getuid?.() === 0;
  const parameters = [...(isRoot ? ["--allow-run-as-root"] : []), "--oversubscribe", "-n", "3"];
  // Loopback and shared memory only.
  parameters.push("--mca", "oob_tcp_if_include", "lo", "--mca", "btl", "self,vader");
  return { file: "mpiexec", parameters: [...parameters, PYTHON, "-u", pathOf("peers", "mpi4py_peer.py")] };
}

/** Nothing is written beside the programs or into the user's home, and numpy computes in one thread a process. */
function pythonEnvironment({ home, memory }: Temporary): Record<string, string> {
  return {
    HOME: home,
    TMPDIR: home,
    IPYTHONDIR: `${home}/ipython`,
    JOBLIB_TEMP_FOLDER: memory,
    PYTHONDONTWRITEBYTECODE: "1",
    PYTHONWARNINGS: "ignore",
    OMP_NUM_THREADS: "1",
    OPENBLAS_NUM_THREADS: "1",
  };
}

function pathOf(directory: "programs" | "peers", file: string): string {
  return fileURLToPath(new URL(`../${directory}/${file}`, import.meta.url));
}
