/**
 * The two signs that an engine has ended: its connection and its process are gone. After one of them the other is waited
 * for, but not for long.
 */

/** How long, in milliseconds. */
const SECOND_SIGN_MS = 250;

interface Signs {
  reason: string | undefined;
  disconnected: boolean;
  timer: NodeJS.Timeout | undefined;
}

export interface EndSign {
  readonly reason?: string;
  readonly disconnected?: boolean;
}

export class EndSigns {
  readonly #byUuid = new Map<string, Signs>();
  readonly #ended: (uuid: string, reason: string) => void;

  /** `ended` is called when both are there, or the second does not come. */
  constructor(ended: (uuid: string, reason: string) => void) {
    this.#ended = ended;
  }

  /** `isLast`: there will be no second sign. */
  sign(uuid: string, { reason, disconnected = false }: EndSign, isLast: boolean): void {
    const signs: Signs = this.#byUuid.get(uuid) ?? { reason: undefined, disconnected: false, timer: undefined };
    this.#byUuid.set(uuid, signs);
    signs.reason ??= reason;
    signs.disconnected ||= disconnected;
    const finish = (): void => this.#ended(uuid, signs.reason ?? "its connection was lost");
    if ((signs.disconnected && signs.reason !== undefined) || isLast) finish();
    else signs.timer ??= setTimeout(finish, SECOND_SIGN_MS);
  }

  forget(uuid: string): void {
    clearTimeout(this.#byUuid.get(uuid)?.timer);
    this.#byUuid.delete(uuid);
  }
}
