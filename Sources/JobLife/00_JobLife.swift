/// # The life of a job
///
/// This module is the only one that knows the order of the stages. Read its files by their numbers:
///
/// 1. ``Admit``: a request that passed its dialect's checks becomes a task with its reservation. Many requests, one
///    transaction. When it answers, the task is durable.
/// 2. ``Worker`` claims waiting tasks for this node, fairly between accounts, each with a lease.
/// 3. ``Attempt`` asks a provider for the picture and stores it. No transaction is open while bytes move.
/// 4. ``Close`` ends tasks: state, money, usage and callback row in one transaction, many tasks at a time.
/// 5. ``Announce`` sends the callbacks that closing wrote down.
/// 6. ``Recover`` returns the tasks of dead nodes to the queue, expires grants, makes partitions and sweeps old pictures.
///
/// What a crash leaves: before the commit of 1, nothing. After it, a task in the queue. During 2 and 3, a lease that
/// runs out and a picture that the sweeper finds. After the commit of 4, a callback row that is due. Each is picked up
/// by whichever node is alive; nothing that matters is in memory.
///
/// ``Moderate`` looks at prompts before 1 and at pictures in 3.
/// ``Batcher`` is what 1 and 4 have in common, ``Hints`` wakes idle workers early.
public enum JobLife {}
