import Testing

/// The real programs as processes. One after the other: they share a machine and a cluster.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SystemTests {}
