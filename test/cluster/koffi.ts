/** Whether what needs the optional package koffi can be tested. */

import { execSync } from "node:child_process";

export function canLoadKoffi(): boolean {
  try {
    execSync(`node -e 'require("koffi")'`, { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
