import Testing

/// The suites of this module run one test at a time, so that all modules together stay below the connections of the
/// one cluster that they share.
@Suite(.serialized, .timeLimit(.minutes(5))) enum LedgerSuites {}
