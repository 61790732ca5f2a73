/** What the commands of operators end with; the older ones have their own. */
export const DONE = 0;
/** There is no such thing, or whoever was asked said no: nothing was changed. */
export const NOTHING = 1;
/** A database or a service is away, or has no tables. */
export const NOT_DONE = 3;

export const STATUS_HELP = `Exit status: 0 done, ${NOTHING} there is no such thing, or it was not meant, 2 called wrongly, ${NOT_DONE} it could not be done`;
