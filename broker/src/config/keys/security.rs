//! The keys of TLS, SASL and delegation tokens.

const NO_SECURITY: &str = "there is no authentication yet";

metadata::config_keys! {
    /// TLS, SASL and delegation tokens.
    pub(crate) SECURITY;

    /// A Java class that decides who may do what.
    "authorizer.class.name": String = "",
        low, ignored("there are no ACLs yet, so every request is allowed");
    /// A Java class that names the user of a connection.
    "principal.builder.class": Class = "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder",
        per_broker, plugin;
    /// Java classes that provide cryptography.
    "security.providers": String = null, low, plugin;
    /// How long an authentication holds, in milliseconds; 0 is for ever.
    "connections.max.reauth.ms": Long = "0", ignored(NO_SECURITY);
    /// Whether clients must show a certificate.
    "ssl.client.auth": String = "none",
        one_of(&["required", "requested", "none"]), per_broker, ignored(NO_SECURITY);
    /// How a certificate's name becomes a user's.
    "ssl.principal.mapping.rules": String = "DEFAULT", low, ignored(NO_SECURITY);
    /// Whether a new certificate may have another name.
    "ssl.allow.dn.changes": Boolean = "false", low, ignored(NO_SECURITY);
    /// Whether a new certificate may have other alternative names.
    "ssl.allow.san.changes": Boolean = "false", low, ignored(NO_SECURITY);
    /// The version of TLS that contexts are made for.
    "ssl.protocol": String = "TLSv1.3", per_broker, ignored(NO_SECURITY);
    /// The provider of TLS in Java.
    "ssl.provider": String = null, per_broker, ignored(NO_SECURITY);
    /// The versions of TLS that are spoken.
    "ssl.enabled.protocols": List = "TLSv1.2,TLSv1.3", per_broker, ignored(NO_SECURITY);
    /// The format of the key store.
    "ssl.keystore.type": String = "JKS", per_broker, ignored(NO_SECURITY);
    /// The file of the key store.
    "ssl.keystore.location": String = null, per_broker, ignored(NO_SECURITY);
    /// The password of the key store.
    "ssl.keystore.password": Password = null, per_broker, ignored(NO_SECURITY);
    /// The password of the private key.
    "ssl.key.password": Password = null, per_broker, ignored(NO_SECURITY);
    /// The private key itself, as PEM.
    "ssl.keystore.key": Password = null, per_broker, ignored(NO_SECURITY);
    /// The certificate and those that vouch for it, as PEM.
    "ssl.keystore.certificate.chain": Password = null, per_broker, ignored(NO_SECURITY);
    /// The format of the trust store.
    "ssl.truststore.type": String = "JKS", per_broker, ignored(NO_SECURITY);
    /// The file of the trust store.
    "ssl.truststore.location": String = null, per_broker, ignored(NO_SECURITY);
    /// The password of the trust store.
    "ssl.truststore.password": Password = null, per_broker, ignored(NO_SECURITY);
    /// The trusted certificates themselves, as PEM.
    "ssl.truststore.certificates": Password = null, per_broker, ignored(NO_SECURITY);
    /// Java's algorithm for choosing keys.
    "ssl.keymanager.algorithm": String = "SunX509", per_broker, ignored(NO_SECURITY);
    /// Java's algorithm for trusting certificates.
    "ssl.trustmanager.algorithm": String = "PKIX", per_broker, ignored(NO_SECURITY);
    /// How the name of the other end is checked.
    "ssl.endpoint.identification.algorithm": String = "https",
        low, per_broker, ignored(NO_SECURITY);
    /// Java's source of random numbers.
    "ssl.secure.random.implementation": String = null, low, per_broker, ignored(NO_SECURITY);
    /// The cipher suites that are spoken; none named = the usual ones.
    "ssl.cipher.suites": List = "", per_broker, ignored(NO_SECURITY);
    /// A Java class that makes TLS engines.
    "ssl.engine.factory.class": Class = null, low, per_broker, plugin;
    /// The mechanisms by which clients may sign in.
    "sasl.enabled.mechanisms": List = "GSSAPI", per_broker, ignored(NO_SECURITY);
    /// The mechanism by which brokers sign in at each other.
    "sasl.mechanism.inter.broker.protocol": String = "GSSAPI", per_broker, ignored(NO_SECURITY);
    /// The largest message before a client has signed in, in bytes.
    "sasl.server.max.receive.size": Int = "524288", ignored(NO_SECURITY);
    /// Who signs in with what, in the format of Java's login modules.
    "sasl.jaas.config": Password = null, per_broker, ignored(NO_SECURITY);
    /// A Java class that checks clients' credentials.
    "sasl.server.callback.handler.class": Class = null, plugin;
    /// A Java class that provides the broker's own credentials.
    "sasl.client.callback.handler.class": Class = null, plugin;
    /// A Java class that signs in.
    "sasl.login.class": Class = null, plugin;
    /// A Java class that helps to sign in.
    "sasl.login.callback.handler.class": Class = null, plugin;
    /// The name of the service in Kerberos.
    "sasl.kerberos.service.name": String = null, per_broker, ignored(NO_SECURITY);
    /// The path of `kinit`.
    "sasl.kerberos.kinit.cmd": String = "/usr/bin/kinit", per_broker, ignored(NO_SECURITY);
    /// After which part of its life a ticket is renewed.
    "sasl.kerberos.ticket.renew.window.factor": Double = "0.8", per_broker, ignored(NO_SECURITY);
    /// How much of that time is random.
    "sasl.kerberos.ticket.renew.jitter": Double = "0.05", per_broker, ignored(NO_SECURITY);
    /// How long to wait between two renewals, in milliseconds.
    "sasl.kerberos.min.time.before.relogin": Long = "60000", per_broker, ignored(NO_SECURITY);
    /// How a Kerberos name becomes a user's.
    "sasl.kerberos.principal.to.local.rules": List = "DEFAULT", per_broker, ignored(NO_SECURITY);
    /// After which part of its life a token is renewed.
    "sasl.login.refresh.window.factor": Double = "0.8", per_broker, ignored(NO_SECURITY);
    /// How much of that time is random.
    "sasl.login.refresh.window.jitter": Double = "0.05", per_broker, ignored(NO_SECURITY);
    /// How long to wait between two renewals, in seconds.
    "sasl.login.refresh.min.period.seconds": Short = "60", per_broker, ignored(NO_SECURITY);
    /// How long before its end a token is renewed, in seconds.
    "sasl.login.refresh.buffer.seconds": Short = "300", per_broker, ignored(NO_SECURITY);
    /// How long connecting to the identity provider may take, in milliseconds.
    "sasl.login.connect.timeout.ms": Int = null, low, ignored(NO_SECURITY);
    /// How long its answer may take, in milliseconds.
    "sasl.login.read.timeout.ms": Int = null, low, ignored(NO_SECURITY);
    /// How long a failed attempt waits at first, in milliseconds.
    "sasl.login.retry.backoff.ms": Long = "100", low, ignored(NO_SECURITY);
    /// How long it waits at most, in milliseconds.
    "sasl.login.retry.backoff.max.ms": Long = "10000", low, ignored(NO_SECURITY);
    /// A Java class that fetches tokens.
    "sasl.oauthbearer.jwt.retriever.class": Class = "org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever",
        plugin;
    /// A Java class that checks tokens.
    "sasl.oauthbearer.jwt.validator.class": Class = "org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator",
        plugin;
    /// The scope to ask a token for.
    "sasl.oauthbearer.scope": String = null, ignored(NO_SECURITY);
    /// The id to ask for a token with.
    "sasl.oauthbearer.client.credentials.client.id": String = null, ignored(NO_SECURITY);
    /// The secret to ask for a token with.
    "sasl.oauthbearer.client.credentials.client.secret": Password = null, ignored(NO_SECURITY);
    /// How an assertion is signed.
    "sasl.oauthbearer.assertion.algorithm": String = "RS256",
        one_of_any_case(&["ES256", "RS256"]), ignored(NO_SECURITY);
    /// The audience of an assertion.
    "sasl.oauthbearer.assertion.claim.aud": String = null, ignored(NO_SECURITY);
    /// How long an assertion holds, in seconds.
    "sasl.oauthbearer.assertion.claim.exp.seconds": Int = "300",
        between(0, 86_400), low, ignored(NO_SECURITY);
    /// The issuer of an assertion.
    "sasl.oauthbearer.assertion.claim.iss": String = null, ignored(NO_SECURITY);
    /// Whether an assertion has an id.
    "sasl.oauthbearer.assertion.claim.jti.include": Boolean = "false", ignored(NO_SECURITY);
    /// How far back an assertion begins to hold, in seconds.
    "sasl.oauthbearer.assertion.claim.nbf.seconds": Int = "60",
        between(0, 3600), low, ignored(NO_SECURITY);
    /// The subject of an assertion.
    "sasl.oauthbearer.assertion.claim.sub": String = null, ignored(NO_SECURITY);
    /// A file with a finished assertion.
    "sasl.oauthbearer.assertion.file": String = null, ignored(NO_SECURITY);
    /// The file of the key that signs assertions.
    "sasl.oauthbearer.assertion.private.key.file": String = null, ignored(NO_SECURITY);
    /// The passphrase of that key.
    "sasl.oauthbearer.assertion.private.key.passphrase": Password = null, ignored(NO_SECURITY);
    /// A file that assertions are made after.
    "sasl.oauthbearer.assertion.template.file": String = null, ignored(NO_SECURITY);
    /// The claim of a token that holds the scope.
    "sasl.oauthbearer.scope.claim.name": String = "scope", low, ignored(NO_SECURITY);
    /// The claim of a token that holds the subject.
    "sasl.oauthbearer.sub.claim.name": String = "sub", low, ignored(NO_SECURITY);
    /// Where tokens are asked for.
    "sasl.oauthbearer.token.endpoint.url": String = null, ignored(NO_SECURITY);
    /// Where the keys that tokens are checked with are found.
    "sasl.oauthbearer.jwks.endpoint.url": String = null, ignored(NO_SECURITY);
    /// How often these keys are fetched, in milliseconds.
    "sasl.oauthbearer.jwks.endpoint.refresh.ms": Long = "3600000", low, ignored(NO_SECURITY);
    /// How long a failed fetch waits at first, in milliseconds.
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms": Long = "100", low, ignored(NO_SECURITY);
    /// How long it waits at most, in milliseconds.
    "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms": Long = "10000",
        low, ignored(NO_SECURITY);
    /// How far apart two clocks may be, in seconds.
    "sasl.oauthbearer.clock.skew.seconds": Int = "30", low, ignored(NO_SECURITY);
    /// The audiences that a token may have.
    "sasl.oauthbearer.expected.audience": List = "", low, ignored(NO_SECURITY);
    /// The issuer that a token must have.
    "sasl.oauthbearer.expected.issuer": String = null, low, ignored(NO_SECURITY);
    /// The key that delegation tokens are signed with, the same on all nodes.
    "delegation.token.secret.key": Password = null, ignored(NO_SECURITY);
    /// How long a delegation token can be renewed, in milliseconds.
    "delegation.token.max.lifetime.ms": Long = "604800000", at_least(1), ignored(NO_SECURITY);
    /// How long a delegation token holds between renewals, in milliseconds.
    "delegation.token.expiry.time.ms": Long = "86400000", at_least(1), ignored(NO_SECURITY);
    /// How often delegation tokens are searched for expired ones, in milliseconds.
    "delegation.token.expiry.check.interval.ms": Long = "3600000",
        at_least(1), low, ignored(NO_SECURITY);
}
