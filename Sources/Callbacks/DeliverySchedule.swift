/// When a callback that failed is tried again: three quick retries for a hiccup, then a slow schedule for an
/// outage, about 27.6 hours in all.
public enum DeliverySchedule {
    /// The first attempt and its retries; after the last one the delivery is given up.
    public static let attemptsMax = quickSeconds.count + slowSeconds.count + 1

    private static let quickSeconds: [Double] = [1, 2, 4]
    private static let slowSeconds: [Double] = [300, 1_800, 7_200, 18_000, 36_000, 36_000]
    /// Slow delays spread by this share either way, so that deliveries that failed together in an outage do
    /// not all come back in the same second.
    private static let spread = 0.1

    /// The delay before the next attempt after `n` failed ones (1 after the first). `jitter` is a random number
    /// from 0 to 1, which moves slow delays by -10 % to +10 %; quick ones are exact. Nil: give up.
    public static func nextDelaySeconds(afterAttempt n: Int, jitter: Double) -> Double? {
        // Before the first attempt there is nothing to wait for.
        guard n >= 1 else { return 0 }
        if n <= quickSeconds.count { return quickSeconds[n - 1] }
        guard n < attemptsMax else { return nil }
        // The comparison order makes a value that is not a number count as 0.
        let share = min(1, max(0, jitter))
        return slowSeconds[n - 1 - quickSeconds.count] * (1 - spread + 2 * spread * share)
    }

    /// The same with what was answered: 410 ends it, and nobody is called sooner than they asked for.
    static func nextDelaySeconds(
        afterAttempt n: Int, reason: DeliveryFailure, retryAfterSeconds: Int?, jitter: Double
    ) -> Double? {
        guard reason != .gone, let delay = nextDelaySeconds(afterAttempt: n, jitter: jitter) else { return nil }
        return max(delay, Double(retryAfterSeconds ?? 0))
    }
}
