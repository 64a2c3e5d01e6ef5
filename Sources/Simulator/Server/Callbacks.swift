import Curl
import Domain

/// Tells the ends of jobs to those who asked for it, and tries again as its dialect says.
struct Callbacks: Sendable {
    let book: JobBook
    let dialect: any Dialect
    let transfers: Transfers

    /// Waits for the end of a job and tells it.
    func follow(_ id: String) async {
        await book.ended(id)
        guard !Task.isCancelled, let job = book.job(id), let url = job.order.callbackURL else { return }
        for _ in 0..<(job.tellsTwice ? 2 : 1) { await tell(url, dialect.callback(job)) }
    }

    private func tell(_ url: String, _ body: JSON) async {
        let request = TransferRequest(
            method: "POST", url: url, headers: [(name: "content-type", value: "application/json")], body: body.bytes,
            timeoutSeconds: dialect.callbackTimeoutSeconds, egress: nil)
        for wait in [0] + dialect.callbackWaitsSeconds {
            do {
                try await Task.sleep(for: .seconds(wait))
                book.countCallback()
                let response = try await transfers.perform(request)
                if (200..<300).contains(response.status) { return }
            } catch is CancellationError { return } catch {
                // Not reached is as good as refused: it tries again.
                continue
            }
        }
    }
}
