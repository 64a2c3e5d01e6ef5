public import Admission
public import Domain
public import Logging
public import Moderation
public import Postgres
import Queue

/// Why a request is not taken, or its picture not handed out.
public enum ModerationRefusal: Error, Sendable, Equatable {
    /// It is not permitted. Only the category is told: not the word, the rule, or who found it.
    case refused(ModerationCategory)
    /// Strict moderation was asked for and cannot be had now.
    case unavailable
}

/// Moderation, wherever a job meets it: its prompt before step 1, where a refusal makes no task and costs nothing, and its
/// picture in step 3 before it is stored, where a refusal fails the task and returns its reservation.
///
/// The word list is the floor: it needs nobody and never fails. Checkers come after it, if there are any. One that is away
/// is passed over for `basic`; for `strict` nothing is drawn without it. A local check of pictures would need a model, so
/// without a checker that sees pictures, strict moderation is strict with words alone.
public struct Moderate: Sendable {
    private let words: WordWatch
    private let checkers: [Checker]
    private let refusals: Refusals
    private let session: any Session
    private let logger: Logger

    /// - Parameters:
    ///   - words: the word list.
    ///   - checkers: asked in this order.
    ///   - refusals: counts what is refused.
    ///   - session: where idempotency keys are looked up.
    public init(words: WordWatch, checkers: [Checker], refusals: Refusals, _ session: any Session, logger: Logger) {
        self.words = words
        self.checkers = checkers
        self.refusals = refusals
        self.session = session
        self.logger = logger
    }

    /// Before step 1. A request whose idempotency key has its answer gets that answer, whatever the list says by now: the
    /// same key never makes a second task. The key of a refused prompt is not kept, because nothing came of it.
    public func callAsFunction(_ submission: Submission) async throws {
        do { try await judge(submission) } catch {
            // Typed here, so that the look-up's own failure is not taken for a refusal.
            let refusal: ModerationRefusal = error
            if let key = submission.idempotencyKey,
                try await Refusals.isAnswered(key, walletID: submission.walletID, in: session)
            {
                return
            }
            if case .refused(let category) = refusal { refusals.add(keyID: submission.keyID, category: category) }
            throw refusal
        }
    }

    private func judge(_ submission: Submission) async throws(ModerationRefusal) {
        let level: ModerationLevel = submission.image.nsfwCheck ? .strict : .basic
        let prompt = submission.image.prompt
        if let category = words.matcher.refusal(of: prompt, level: level) { throw .refused(category) }
        try await ask(checkers, about: .text(prompt), level)
    }

    /// Judges a picture that a job came with or that was made for it: only where strict moderation was asked for.
    public func picture(_ bytes: [UInt8], _ format: ImageFormat, of image: ImageRequest) async throws(ModerationRefusal) {
        guard image.nsfwCheck else { return }
        try await ask(checkers.filter(\.seesPictures), about: .picture(bytes, contentType: format.contentType), .strict)
    }

    /// A picture of a task was refused: it counts for the task's key.
    func count(_ category: ModerationCategory, of task: ClaimedTask) async {
        do {
            guard let key = try await Refusals.key(of: task.id, in: session) else { return }
            refusals.add(keyID: key, category: category)
        } catch {
            logger.warning("a refusal was not counted", metadata: ["error": "\(error)"])
        }
    }

    private func ask(
        _ checkers: [Checker], about input: CheckedInput, _ level: ModerationLevel
    ) async throws(ModerationRefusal) {
        for checker in checkers {
            let category: ModerationCategory?
            do { category = try await checker.refusal(of: input, level: level) } catch {
                if error.isNews {
                    logger.warning("a moderation checker is left alone for a while", metadata: ["reason": "\(error.reason)"])
                }
                if level == .strict { throw .unavailable }
                continue
            }
            if let category { throw .refused(category) }
        }
    }

    /// Keeps the word list fresh and writes the counts down, every second, until the task is cancelled; the last counts are
    /// written then.
    public func run() async {
        while !Task.isCancelled {
            await keepUp()
            try? await Task.sleep(for: .seconds(1))
        }
        await Task { await flush() }.value
    }

    private func keepUp() async {
        do {
            let unread = try await words.refresh()
            if !unread.isEmpty {
                logger.warning("word rules cannot be read: remove them", metadata: ["words": "\(unread)"])
            }
        } catch {
            logger.warning("cannot read the word list", metadata: ["error": "\(error)"])
        }
        await flush()
    }

    private func flush() async {
        do { try await refusals.flush(in: session) } catch {
            logger.warning("cannot write the refusals", metadata: ["error": "\(error)"])
        }
    }
}
