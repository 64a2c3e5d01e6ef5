import Domain
import Providers

/// What calls a provider, by its kind.
enum ProviderFactory {
    static func make(_ settings: ProviderSettings, _ access: ProviderAccess) -> any ImageProvider {
        switch settings.kind {
        case .novita, .highway, .unified, .zimageturbo, .openaiImages: UnspokenProvider(settings: settings)
        }
    }
}

/// A provider whose kind this program cannot speak: it refuses everything.
private struct UnspokenProvider: ImageProvider {
    let settings: ProviderSettings
    let capabilities = Capabilities(operations: [.generate], sizes: .sides(64...2048))

    var name: String { settings.name }
    private var fault: ProviderFault { ProviderFault(.settings, "this program does not speak \(settings.kind.rawValue)") }

    func submit(_ job: ProviderJob, progress: @escaping @Sendable (Int) -> Void) async -> SubmitAnswer { .refused(fault) }
    func poll(_ id: String) async -> PollAnswer { .missing }
    func cancel(_ id: String) async -> CancelAnswer { .tooLate }
    func find(_ job: ProviderJob) async -> FindAnswer { .absent }
    func fetch(_ link: String) async throws(ProviderFault) -> [UInt8] { throw fault }
    func test(model: String) async -> [ProviderCheck] {
        [ProviderCheck("reaches \(settings.baseURL)", problem: fault.message)]
    }
}
